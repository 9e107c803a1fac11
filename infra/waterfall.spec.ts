import { describe, expect, it } from 'vitest';
import { waterfall, type TracedSpan } from './waterfall.ts';

const span = (
  id: string,
  parentId: string | undefined,
  [since, duration]: [number, number],
  more: Partial<TracedSpan> = {},
): TracedSpan => {
  return { id, parentId, service: 'orders', name: id, since, duration, failed: false, ...more };
};
const drawn = (...spans: TracedSpan[]) => waterfall(spans, { width: 120 });

describe('a trace, drawn', () => {
  it('shows each span below what caused it, earlier ones first, whatever order they came in', () => {
    const lines = drawn(
      span('late', 'request', [1_000_700, 100]),
      span('request', 'client', [1_000_000, 1_000], { service: 'gateway' }),
      span('early', 'request', [1_000_100, 500]),
      span('inner', 'early', [1_000_200, 50]),
    );
    expect(lines[0]).toBe('1.0 ms · 4 spans · 2 services: gateway, orders');
    expect(lines.slice(2).map((line) => line.slice(15, 61).trimEnd())).toEqual([
      'request',
      '  early',
      '    inner',
      '  late',
    ]);
  });

  it('places each where it lay in the whole', () => {
    const [, , whole, second] = drawn(span('a', undefined, [0, 10_000]), span('b', 'a', [5_000, 5_000]));
    expect(whole).toContain('0.0 ms   10.0 ms');
    expect(second).toContain('5.0 ms    5.0 ms');
    const bars = [whole, second].map((line) => line?.replace(/^.* ms {2}/, '') ?? '');
    expect(bars[0]).toMatch(/^█+$/);
    expect(bars[1]).toMatch(/^ +█+$/);
    expect(bars[1]?.length).toBe(bars[0]?.length);
  });

  it('marks what failed, and cuts what is too long', () => {
    const lines = drawn(span('x'.repeat(80), undefined, [0, 1_000], { failed: true }));
    expect(lines[2]).toMatch(/!+$/);
    expect(lines[2]).toContain('…');
  });

  it('draws spans whose parents were never told of as well', () => {
    expect(drawn(span('lost', 'nobody', [0, 10])).join('\n')).toContain('lost');
  });
});
