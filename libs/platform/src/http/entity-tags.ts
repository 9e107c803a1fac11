import { hash } from 'node:crypto';

/**
 * The strong tag of one representation: the version, which If-Match goes by, and a digest of what is shown, because
 * some of it moves without a version (stock does, with every order). So a cache never keeps what is no longer so, and
 * an editor is not refused for what nobody edited.
 */
export const entityTag = (version: number, shown: unknown): string =>
  `"${version}-${hash('sha256', JSON.stringify(shown), 'base64url').slice(0, 12)}"`;

/** One member of If-Match or If-None-Match. */
interface EntityTag {
  /** Without its quotes. */
  readonly opaque: string;
  readonly weak: boolean;
}

/** How long the value of If-Match or If-None-Match may be, in characters: room for some fifty tags. */
export const LONGEST_TAG_LIST = 2_048;

/** The tags of a list (RFC 9110 §8.8.3 and §5.6.1: empty members count for nothing); undefined where it is none. */
export function tagsIn(header: string): EntityTag[] | undefined {
  const member = /[\s,]*(W\/)?"([^"]*)"\s*(?=,|$)/y;
  const tags: EntityTag[] = [];
  let end = 0;
  for (let found = member.exec(header); found; found = member.exec(header)) {
    tags.push({ opaque: found[2] ?? '', weak: found[1] !== undefined });
    end = member.lastIndex;
  }
  return /^[\s,]*$/.test(header.slice(end)) ? tags : undefined;
}

/**
 * Whether If-None-Match names this tag, or anything at all by `*`: then the client has it. Compared weakly (RFC 9110,
 * 13.1.2).
 */
export function isNamed(tag: string, header: string): boolean {
  const wanted = tagsIn(tag)?.[0]?.opaque;
  return header.trim() === '*' || (tagsIn(header)?.some(({ opaque }) => opaque === wanted) ?? false);
}
