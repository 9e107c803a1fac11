import { runService } from '@shop/platform';
import { payments } from './service.ts';

await runService(payments);
