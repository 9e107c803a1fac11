/**
 * All six services in one process, each with an environment of its own, on the in-memory bus: the same modules, for a
 * machine where Kafka cannot be had. ENVIRONMENTS holds them as JSON, by service.
 */
import { auth } from '@shop/auth';
import { catalog } from '@shop/catalog';
import { gateway } from '@shop/gateway';
import { notifications } from '@shop/notifications';
import { orders } from '@shop/orders';
import { payments } from '@shop/payments';
import { runService } from '@shop/platform';
import { endWithLauncher } from './simulators/lifeline.ts';

const environments = JSON.parse(process.env['ENVIRONMENTS'] ?? '{}') as Record<string, NodeJS.ProcessEnv>;
const services = [auth, catalog, gateway, notifications, orders, payments];
const running = await Promise.all(services.map((service) => runService(service, environments[service.name] ?? {})));
endWithLauncher(async () => {
  await Promise.all(running.map((service) => service.close()));
});
