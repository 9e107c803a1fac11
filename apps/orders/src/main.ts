import { runService } from '@shop/platform';
import { orders } from './service.ts';

await runService(orders);
