import { copyBuckets } from '@shop/contracts';
import { describe, expect, it } from 'vitest';
import { differing, judge, type Bucket, type CopyState } from './copies.ts';

const patience = { answerMs: 120_000, apartMs: 10_000 };
const all = Array.from({ length: copyBuckets }, (_, bucket) => bucket);
const state = (known: Partial<CopyState> = {}): CopyState => ({
  lost: false,
  asked: [],
  askedAgoMs: undefined,
  comparedAgoMs: 30_000,
  differing: [],
  ...known,
});
const said = (differ: readonly number[], answers?: string, rows = 1_000) => ({ differ, rows, answers });

/** Versions of rows, as the owner has them or as they were copied; a row's place tells its bucket. */
const summaryOf = (versions: Int32Array): Bucket[] => {
  const digests = new Float64Array(copyBuckets);
  versions.forEach((version, row) => void (digests[row % copyBuckets]! += version * (row + 1)));
  return all.map((bucket) => ({
    bucket,
    rows: Math.ceil((versions.length - bucket) / copyBuckets),
    digest: String(digests[bucket]),
  }));
};

/**
 * Two instances of the owner sum up every half minute, and announce what is asked for one question after the other, a
 * thousand rows a second. Returns what it took.
 */
function untilWhole(rows: number, announcedPerSecond = 1_000): { seconds: number; questions: number } {
  const [owned, copied] = [new Int32Array(rows).fill(7), new Int32Array(rows)];
  const questions: { id: string; rows: number[]; done: number }[] = [];
  let [known, askedAt, comparedAt, next] = [state({ lost: true }), -Infinity, -Infinity, 0];
  const ask = (second: number, buckets: readonly number[]) => {
    questions.push({
      id: `q${questions.length}`,
      rows: [...owned.keys()].filter((row) => buckets.includes(row % copyBuckets)),
      done: 0,
    });
    known = { ...known, asked: [...known.asked, questions.at(-1)!.id] };
    askedAt = second;
  };
  ask(0, all);
  for (let second = 1; second < 3_600; second++) {
    const hear = (summary: readonly Bucket[], answers?: string) => {
      const differ = differing(summary, summaryOf(copied));
      const judgement = judge(
        { ...known, askedAgoMs: (second - askedAt) * 1_000, comparedAgoMs: (second - comparedAt) * 1_000 },
        said(differ, answers, rows),
        patience,
      );
      if (!judgement.counts) return false;
      comparedAt = second;
      known = { ...known, lost: known.lost && !judgement.whole, differing: differ, asked: judgement.asked };
      if (judgement.ask.length > 0) ask(second, judgement.ask);
      return judgement.whole;
    };
    if (second % 30 === 0) for (let instance = 0; instance < 2; instance++) hear(summaryOf(owned));
    const question = questions[next];
    if (!question) continue;
    for (const row of question.rows.slice(question.done, question.done + announcedPerSecond)) copied[row] = owned[row]!;
    question.done += announcedPerSecond;
    if (question.done < question.rows.length) continue;
    next++;
    if (hear(summaryOf(owned), question.id)) return { seconds: second, questions: questions.length };
  }
  return { seconds: Infinity, questions: questions.length };
}

describe('a copy that has lost its place', () => {
  it.each([10_000, 95_000, 150_000, 400_000])('of %d rows is whole when all of them are announced once', (rows) => {
    expect(untilWhole(rows)).toEqual({ seconds: rows / 1_000, questions: 1 });
  });

  it('becomes whole also where the owner is slower than anybody thought: an answer to an earlier question is one', () => {
    expect(untilWhole(100_000, 150).seconds).toBeLessThan(700);
  });

  it('is whole by an answer to any question since the loss, and by nothing else', () => {
    const lost = state({ lost: true, asked: ['first', 'second'], askedAgoMs: 1_000 });
    expect(judge(lost, said([], 'first'), patience)).toMatchObject({ whole: true, asked: [] });
    for (const unasked of [undefined, 'from before the loss'])
      expect(judge(lost, said([], unasked), patience)).toMatchObject({ whole: false, ask: [] });
  });

  it('waits for a later answer while one may come, and asks for all again when none came', () => {
    const lost = state({ lost: true, asked: ['first', 'second'], askedAgoMs: 1_000 });
    expect(judge(lost, said([3], 'first'), patience)).toEqual({
      counts: true,
      whole: false,
      asked: ['second'],
      ask: [],
    });
    expect(judge(lost, said([3], 'second'), patience)).toEqual({ counts: true, whole: false, asked: [], ask: [3] });
    expect(judge({ ...lost, askedAgoMs: 123_000 }, said([]), patience)).toMatchObject({
      ask: all,
      asked: ['first', 'second'],
    });
  });

  it('keeps no more than the last questions', () => {
    const many = state({ lost: true, asked: Array.from({ length: 20 }, (_, n) => `q${n}`), askedAgoMs: 200_000 });
    expect(judge(many, said([]), patience).asked).toEqual(Array.from({ length: 7 }, (_, n) => `q${n + 13}`));
  });
});

describe('a copy that differs', () => {
  it('is asked for when it does so twice, half a minute apart', () => {
    expect(judge(state(), said([3, 4]), patience)).toEqual({ counts: true, whole: false, asked: [], ask: [] });
    expect(judge(state({ differing: [3] }), said([3, 4]), patience).ask).toEqual([3]);
  });

  it('is not asked for because two instances of its owner speak at once', () => {
    expect(judge(state({ differing: [3], comparedAgoMs: 4 }), said([3]), patience)).toEqual({
      counts: false,
      whole: false,
      asked: [],
      ask: [],
    });
  });

  it('is asked for nothing while an answer may still come: for as long as it takes to announce so many', () => {
    const asked = state({ differing: [3], asked: ['q'], askedAgoMs: 200_000 });
    expect(judge(asked, said([3], undefined, 100_000), patience).ask).toEqual([]);
    expect(judge(asked, said([3], undefined, 10_000), patience).ask).toEqual([3]);
  });
});
