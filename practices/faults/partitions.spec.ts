import { describe, expect, it } from 'vitest';
import { goneOf, sumOn } from './partitions.ts';

describe('what is deleted unread', () => {
  const by = (...offsets: number[]) => new Map(offsets.map((offset, partition) => [partition, offset]));

  it('is what others have read beyond the position of the group, on each partition', () =>
    expect(goneOf(by(0, 0), by(4, 7), by(10, 7))).toEqual({
      upTo: [
        { partition: 0, offset: 10 },
        { partition: 1, offset: 7 },
      ],
      unread: 6,
    }));

  it('is not what had gone before, nor where nothing is there to go', () =>
    expect(goneOf(by(8, 5), by(4, 5), by(10, 5))).toEqual({ upTo: [{ partition: 0, offset: 10 }], unread: 2 }));

  it('is nothing where the group has no position: it begins with the oldest that is there', () =>
    expect(goneOf(by(0), new Map(), by(3)).unread).toBe(0));
});

describe('a page of metrics', () => {
  const page = [
    '# TYPE messaging_consumer_lost_total counter',
    'messaging_consumer_lost_total{consumer="a",messaging_destination_name="t"} 3 1796134640305',
    'messaging_consumer_lost_total{consumer="b"} 4',
    'messaging_consumer_lost_total_of_others 9',
    'messaging_topics_other_partitions 1',
  ].join('\n');

  it('is summed up by the whole name', () =>
    expect(
      ['messaging_consumer_lost_total', 'messaging_topics_other_partitions', 'none'].map((name) => sumOn(page, name)),
    ).toEqual([7, 1, 0]));
});
