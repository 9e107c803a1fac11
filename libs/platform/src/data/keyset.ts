/** Where a page ended: the value that the list is sorted by, and the id, which tells equals apart. */
export interface Position {
  readonly key: string | number;
  readonly id: string;
}

/**
 * Conditions on rows, joined by AND, with their values apart from the text. The text is ours alone, never a caller's.
 */
export class Conditions {
  readonly values: unknown[] = [];
  readonly #texts: string[] = [];

  /**
   * Adds a condition in which each `?` stands for the next value; none at all where a value is undefined: nobody asked
   * for it.
   */
  and(text: string, ...values: unknown[]): this {
    if (values.includes(undefined)) return this;
    const given = values.values();
    this.#texts.push(text.replaceAll('?', () => `$${this.values.push(given.next().value)}`));
    return this;
  }

  toString(): string {
    return this.#texts.join(' AND ');
  }
}

/** One page of a sorted list. */
export interface KeysetPage {
  /** `SELECT … FROM …` */
  readonly select: string;
  readonly where: Conditions;
  /**
   * The column it is sorted by; `id` comes second, in the same direction. An index on both, behind what `where`
   * compares with `=`, is all that a page reads.
   */
  readonly column: string;
  readonly descending: boolean;
  readonly after: Position | undefined;
  readonly limit: number;
}

/**
 * The statement of a page, and of one row more, which tells whether another page follows. It continues after a position
 * by comparing rows (`(price, id) > (…)`), for which Postgres goes straight to that place of the index; nothing before
 * it is read, however deep the page.
 */
export function keysetPage({ select, where, column, descending, after, limit }: KeysetPage): {
  text: string;
  values: unknown[];
} {
  where.and(`(${column}, id) ${descending ? '<' : '>'} (?, ?)`, after?.key, after?.id);
  const direction = descending ? 'DESC' : 'ASC';
  const text = `${select} WHERE ${where} ORDER BY ${column} ${direction}, id ${direction} LIMIT $${where.values.length + 1}`;
  return { text, values: [...where.values, limit + 1] };
}

/** What `sort=-price` means: the field, and whether the largest comes first. */
export function sortOf<S extends string>(sort: S): { field: S extends `-${infer F}` ? F : S; descending: boolean } {
  const descending = sort.startsWith('-');
  return { field: (descending ? sort.slice(1) : sort) as never, descending };
}
