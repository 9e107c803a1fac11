import type { FastifyInstance } from 'fastify';
import { Child } from './child.ts';
import { serve } from './serve.ts';

/** A process of a base that serves HTTP. */
export interface Listening {
  readonly url: string;
  readonly child: Child;
}

/** Starts it, and asks where it listens. */
export async function startListening(main: URL, env: NodeJS.ProcessEnv): Promise<Listening> {
  const child = await Child.start(main, env);
  return { child, url: await child.ask<string>('where') };
}

/** In that process: listens on any port, and tells which. */
export async function listenAs(
  app: FastifyInstance,
  close: () => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  serve(
    () => Promise.resolve(url),
    async () => {
      await app.close();
      await close();
    },
  );
}
