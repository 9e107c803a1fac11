import 'reflect-metadata';
import { isIPv6, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { ServerSettings } from '../config/settings.ts';
import { Cors } from '../http/cors.ts';
import { Hosts } from '../http/hosts.ts';
import { addRequestHooks } from '../http/request-hooks.ts';
import type { KnownPaths, Route } from '../http/known-paths.ts';
import { Overload } from '../http/overload.ts';
import { createAdapter } from '../http/server.ts';
import { flushTelemetry, startTelemetry } from '../telemetry/telemetry.ts';
import type { ServiceDefinition } from './define-service.ts';
import { Health } from './health.ts';
import { Logger } from './logger.ts';
import { NestLogs } from './nest-logs.ts';
import { ownProcess } from './own-process.ts';
import { ServiceModule } from './service-module.ts';
import { StartupFailure } from './startup-failure.ts';

export interface RunningService {
  readonly name: string;
  readonly url: string;
  /** Its route table, as the router has it. */
  readonly routes: readonly Route[];
  /** Not ready → serve what is under way → Nest's shutdown hooks → telemetry handed over. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Starts a service: everything its definition does not say. Without `env` the process is the service's own: its
 * environment is used, SIGTERM and SIGINT drain it, and a failed start ends it with one sentence and code 1. With `env`
 * the caller owns the process (the monolith, a test): it closes what it started, and a failed start rejects with
 * StartupFailure.
 */
export async function runService(definition: ServiceDefinition, env?: NodeJS.ProcessEnv): Promise<RunningService> {
  if (env) return start(definition, env);
  return ownProcess(() => start(definition, process.env));
}

async function start(definition: ServiceDefinition, env: NodeJS.ProcessEnv): Promise<RunningService> {
  let app: NestFastifyApplication | undefined;
  let paths: KnownPaths;
  try {
    const settings = definition.config.parse(env) as ServerSettings;
    await startTelemetry(
      { service: definition.name, instance: settings.INSTANCE, edge: definition.public ?? false },
      settings,
    );
    ({ app, paths } = await create(definition, settings));
    await app.listen(settings.PORT, settings.HOST);
    return running(definition.name, app, { settings, routes: paths.routes });
  } catch (error) {
    // What did start is stopped again, but nothing that hangs may keep the reason from being told.
    await Promise.race([app?.close().catch(() => undefined), sleep(3_000, undefined, { ref: false })]);
    throw new StartupFailure(definition.name, error);
  }
}

async function create(
  definition: ServiceDefinition,
  settings: ServerSettings,
): Promise<{ app: NestFastifyApplication; paths: KnownPaths }> {
  const adapter = createAdapter(settings);
  const app = await NestFactory.create<NestFastifyApplication>(ServiceModule.around(definition, settings), adapter, {
    logger: new NestLogs(settings),
    abortOnError: false,
    // Nest's parsers would also take HTML forms; Fastify's own JSON parser is the only one left.
    bodyParser: false,
  });
  const [health, overload] = [app.get(Health), app.get(Overload)];
  const isPublic = definition.public ?? false;
  const paths = addRequestHooks(adapter.getInstance(), {
    logger: app.get(Logger),
    public: isPublic,
    budget: settings.REQUEST_BUDGET_MS,
    draining: () => health.draining,
    overloaded: () => overload.refuses(),
    closed: () => health.isClosed,
    cors: new Cors(isPublic ? settings.CORS_ORIGINS : []),
    hosts: isPublic
      ? new Hosts([new URL(settings.ISSUER).hostname, settings.HOST, ...settings.PUBLIC_HOSTS])
      : undefined,
  });
  return { app, paths };
}

function running(
  name: string,
  app: NestFastifyApplication,
  { settings, routes }: { settings: ServerSettings; routes: readonly Route[] },
): RunningService {
  const health = app.get(Health);
  const logger = app.get(Logger);
  const { port } = app.getHttpServer().address() as AddressInfo;
  const host = ['0.0.0.0', '::'].includes(settings.HOST) ? '127.0.0.1' : settings.HOST;
  const url = `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  let closed: Promise<void> | undefined;
  const close = async () => {
    health.drain();
    await sleep(settings.SHUTDOWN_DELAY_MS);
    await app.close();
    await flushTelemetry();
    logger.info({}, 'stopped');
  };
  health.started();
  logger.info({ url }, 'started');
  return { name, url, routes, close: () => (closed ??= close()) };
}
