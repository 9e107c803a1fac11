import { serve, takePart } from '../lab/part.ts';
import { AsManyAsAsked, bounded, EachItsOwn, type Connections } from './connections.ts';

/** Says what became of it: `done`, or the server's or the pool's own word. */
export type Outcome = 'done' | string;

/**
 * A service whose requests each need the database for a moment. Its role may have so many connections and no more, as
 * any role of a shared server.
 */
const { variant, databaseUrl } = takePart();
const url = new URL(databaseUrl);
url.username = url.password = process.env['NAMESPACE']?.replaceAll('.', '') ?? '';
const ways: Readonly<Record<string, (url: string) => Connections>> = {
  'one each': (to) => new EachItsOwn(to),
  'no bound': (to) => new AsManyAsAsked(to),
};
const connections = (ways[variant] ?? bounded)(url.href);

serve<{ readonly number: number; readonly ms: number }>(
  async ({ number, ms }): Promise<Outcome> => {
    try {
      await connections.query(
        'WITH work AS (SELECT pg_sleep($2 / 1000.0)) INSERT INTO visits (number) SELECT $1 FROM work',
        [number, ms],
      );
      return 'done';
    } catch (error) {
      const { code, message } = ((error as Error).cause ?? error) as { code?: string; message: string };
      return code ?? message;
    }
  },
  () => Promise.resolve(),
);
