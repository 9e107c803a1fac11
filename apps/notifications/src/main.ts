import { runService } from '@shop/platform';
import { notifications } from './service.ts';

await runService(notifications);
