import { runService } from './run-service.ts';
import { tiny } from './tiny.fixture.ts';

await runService(tiny);
