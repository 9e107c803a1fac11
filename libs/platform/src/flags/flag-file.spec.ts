import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { FlagFile } from './flag-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'flags-'));
const path = join(folder, 'flags.json');
afterAll(() => rmSync(folder, { recursive: true }));

const rule = (share: number, state = 'ENABLED') => ({
  state,
  variants: { on: true, off: false },
  defaultVariant: 'off',
  targeting: {
    fractional: [
      ['on', share],
      ['off', 100 - share],
    ],
  },
});
/** As people change a file that is read: beside it, then in its place. */
function write(text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
const define = (flags: object, more = {}) => write(JSON.stringify({ flags, ...more }));
const customers = Array.from({ length: 2_000 }, (_, number) => `customer ${number}`);
const whoHas = async (flags: FlagFile) =>
  (await Promise.all(customers.map(async (one) => ((await flags.isOn('risk', one)) ? one : '')))).filter(
    (one) => one !== '',
  );

let said: string[];
const log = {
  info: (_: object, line: string) => void said.push(`info ${line}`),
  warn: (_: object, line: string) => void said.push(`warn ${line}`),
};
const open = () => FlagFile.open({ path, log });
const [read, kept] = [
  'info feature flags were read',
  'warn feature flags cannot be read: what was last good stays, and before that nothing is on',
];
beforeEach(() => {
  said = [];
  rmSync(path, { force: true });
});

describe('a flag in a file', () => {
  it('is on for its share of customers, always the same ones, who stay when the share grows', async () => {
    define({ risk: rule(5) });
    const flags = await open();
    const few = await whoHas(flags);
    expect(few.length).toBeGreaterThan(60);
    expect(few.length).toBeLessThan(140);
    expect(await whoHas(await open())).toEqual(few);
    define({ risk: rule(50) });
    await flags.tick();
    const many = new Set(await whoHas(flags));
    expect(few.filter((one) => !many.has(one))).toEqual([]);
    expect(many.size).toBeGreaterThan(800);
  });

  it('is switched off without a restart', async () => {
    define({ risk: rule(100) });
    const flags = await open();
    expect(await flags.isOn('risk', 'anybody')).toBe(true);
    define({ risk: rule(100, 'DISABLED') });
    await flags.tick();
    expect(await flags.isOn('risk', 'anybody')).toBe(false);
    expect(said).toEqual([read, read]);
  });

  it('is off where the file is missing, does not know it, or has something else than on and off', async () => {
    const flags = await open();
    expect(await flags.isOn('risk', 'anybody')).toBe(false);
    expect(said).toEqual([kept]);
    define({ other: rule(100), risk: { state: 'ENABLED', variants: { a: 'on' }, defaultVariant: 'a' } });
    await flags.tick();
    expect(await flags.isOn('risk', 'anybody')).toBe(false);
    expect(await flags.isOn('unheard of', 'anybody')).toBe(false);
  });

  it.each([
    ['half a file', '{"flags": {"ri'],
    ['what is no state', JSON.stringify({ flags: { risk: rule(0, 'ON') } })],
    [
      'a rule that flagd does not have',
      JSON.stringify({ flags: { risk: { ...rule(0), targeting: { fractionl: [] } } } }),
    ],
    ['no flags at all', '[]'],
    ['too much', JSON.stringify({ flags: { risk: rule(0) }, metadata: { text: 'x'.repeat(2 ** 20) } })],
  ])('stays what it was, and that is told once, when the file becomes %s', async (_, text) => {
    define({ risk: rule(100) });
    const flags = await open();
    write(text);
    for (let look = 0; look < 3; look++) await flags.tick();
    expect(await flags.isOn('risk', 'anybody')).toBe(true);
    expect(said).toEqual([read, kept]);
    define({ risk: rule(0) });
    await flags.tick();
    expect(await flags.isOn('risk', 'anybody')).toBe(false);
    expect(said).toEqual([read, kept, read]);
  });

  it('stays what it was when the file goes away, and that is told again the next time', async () => {
    define({ risk: rule(100) });
    const [flags, text] = [await open(), readFileSync(path, 'utf8')];
    for (let time = 0; time < 2; time++) {
      rmSync(path);
      await flags.tick();
      expect(await flags.isOn('risk', 'anybody')).toBe(true);
      write(text);
      await flags.tick();
    }
    expect(said).toEqual([read, kept, kept]);
  });
});

describe('an evaluation', () => {
  it('is told in the trace of the work that asked, with what came of it, and not for whom', async () => {
    const spans = new InMemorySpanExporter();
    const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }).getTracer('spec');
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    define({ risk: rule(100) }, { metadata: { flagSetId: 'shop', version: '7' } });
    const flags = await open();
    const span = tracer.startSpan('place');
    await context.with(trace.setSpan(context.active(), span), () => flags.isOn('risk', 'ada'));
    span.end();
    expect(spans.getFinishedSpans()[0]?.events.map(({ name, attributes }) => ({ name, attributes }))).toEqual([
      {
        name: 'feature_flag.evaluation',
        attributes: {
          'feature_flag.key': 'risk',
          'feature_flag.provider.name': 'flagd-file',
          'feature_flag.result.reason': 'targeting_match',
          'feature_flag.result.variant': 'on',
          'feature_flag.result.value': true,
          'feature_flag.set.id': 'shop',
          'feature_flag.version': '7',
        },
      },
    ]);
  });
});
