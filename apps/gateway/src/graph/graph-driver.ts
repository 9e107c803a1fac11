import { AbstractGraphQLDriver, type GqlModuleOptions } from '@nestjs/graphql';

/**
 * Makes the schema and nothing else. How operations come in is ours (graph.controller.ts, subscriptions/): no server
 * library passed the audits and refused what has to be refused before anything is parsed, or closed sockets as their
 * protocol says (docs/adr/0020).
 */
export class GraphDriver extends AbstractGraphQLDriver<GqlModuleOptions> {
  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
