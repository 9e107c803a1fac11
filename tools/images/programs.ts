import { migrationSets, type DatabaseName } from '@shop/infra/databases';
import { serviceNames, type ServiceName } from '@shop/infra/environment';

/** What is in an image beside Node: where its processes begin, and what they read from disk. */
export interface Program {
  /** Files that an image is started with, by their path in the tree; the first is what it runs unless it is told. */
  entries: string[];
  /** Folders whose migrations it applies. */
  migrations: readonly string[];
}

export type ImageName = ServiceName | 'setup' | 'simulators';

const service = (name: ServiceName): Program => ({
  entries: [`apps/${name}/src/main.ts`],
  migrations: name in migrationSets ? migrationSets[name as DatabaseName] : [],
});

/**
 * Every image of the shop: the services, and what surrounds them where there is neither an operator nor an outside
 * world.
 */
export const programs: Readonly<Record<ImageName, Program>> = {
  ...(Object.fromEntries(serviceNames.map((name) => [name, service(name)])) as Record<ServiceName, Program>),
  setup: { entries: ['infra/images/setup.ts'], migrations: [...new Set(Object.values(migrationSets).flat())] },
  simulators: { entries: ['infra/simulators/provider.ts', 'infra/simulators/mail.ts'], migrations: [] },
};

export const imageNames = Object.keys(programs) as ImageName[];
