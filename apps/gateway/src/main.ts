import { runService } from '@shop/platform';
import { gateway } from './service.ts';

await runService(gateway);
