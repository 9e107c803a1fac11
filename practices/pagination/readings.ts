/** What was wrong with what a reader was shown. */
export interface Shown {
  /** Orders on its pages, each as often as it was there. */
  readonly shown: number;
  readonly doubled: number;
  readonly skipped: number;
}

/** `there`: what had to be shown, because it stood between the first and the last of what was, all the while. */
export function problemsOf(shown: readonly string[], there: readonly string[]): Shown {
  const once = new Set(shown);
  return {
    shown: shown.length,
    doubled: shown.length - once.size,
    skipped: there.filter((id) => !once.has(id)).length,
  };
}
