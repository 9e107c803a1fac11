import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { deadLinks, effect, missingParts } from './catalogue.ts';

const folder = mkdtempSync(join(tmpdir(), 'pages-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a page', () => {
  it('is refused for a link to a file that is not there, not for one that is, or that leads elsewhere', () => {
    const page = join(folder, 'README.md');
    writeFileSync(page, '[a](README.md) [b](gone.ts#L3) [c](https://example.com/x) [d](#here) [e](README.md#part)');
    expect(deadLinks(page)).toEqual([expect.stringContaining('gone.ts#L3 is not there')]);
  });

  it('is refused when it lacks one of its parts', () => {
    expect(missingParts('no-such-experiment')).toEqual(['practices/no-such-experiment/README.md is missing']);
    expect(missingParts('outbox')).toEqual([]);
  });
});

describe('the effect of a practice', () => {
  const round = (name: string, practice: boolean, harm: number) => ({
    variant: { name, practice, what: '' },
    round: { harm, figures: {}, doubts: [] },
  });

  it('is told by its counts, each naive variant by its name when there are several', () => {
    expect(effect({ harm: 'lost', rounds: [round('none', false, 1200), round('all', true, 0)] })).toEqual({
      without: '1,200 lost',
      with: '0',
    });
    expect(
      effect({ harm: 'lost', rounds: [round('a', false, 1), round('b', false, 2), round('all', true, 0)] }),
    ).toEqual({ without: 'a 1, b 2 lost', with: '0' });
  });
});
