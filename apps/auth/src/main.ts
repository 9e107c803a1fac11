import { runService } from '@shop/platform';
import { auth } from './service.ts';

await runService(auth);
