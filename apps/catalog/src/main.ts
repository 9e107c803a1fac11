import { runService } from '@shop/platform';
import { catalog } from './service.ts';

await runService(catalog);
