import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import {
  CallPolicy,
  HttpProblem,
  IfMatch,
  PreconditionFailed,
  Public,
  RequireRole,
  RequireScope,
  Upstream,
  type CallTerms,
} from '@shop/platform';
import { z } from 'zod';
import { Party } from '../lab/party.ts';

const order = z.strictObject({
  lines: z
    .array(z.strictObject({ productId: z.string().max(40), quantity: z.int().min(1).max(1_000) }))
    .min(1)
    .max(50),
});
const page = z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(20) });

/** Each call once: what happened to the call before is no reason, so that every one fails in its own way. */
class EachOnce extends CallPolicy {
  override execute<T>(call: (signal: AbortSignal) => Promise<T>, { signal }: CallTerms): Promise<T> {
    return call(signal);
  }
}

const deaf = await Party.start(() => undefined);
const calls = new EachOnce();
const [away, hung] = [
  new Upstream('stock', ['http://127.0.0.1:1'], { calls }),
  new Upstream('stock', [deaf.url], { timeout: 100, calls }),
];

/**
 * Orders that can be refused for everything that orders are refused for, by errors as the product throws them. None of
 * it knows how it will be told.
 */
@Public()
@Controller('orders')
export class OrdersController {
  @Get()
  list(@Query({ schema: page }) query: z.infer<typeof page>): object {
    return query;
  }

  @Post()
  place(@Body({ schema: order }) { lines: [first] }: z.infer<typeof order>): object {
    if (first?.productId === 'unknown')
      throw new DomainError('invalid', 'unknown-product', 'Not everything in this order is for sale.');
    if (first?.productId === 'in dollars')
      throw new DomainError('invalid', 'mixed-currencies', 'An order is paid in one currency.');
    if (first?.productId === 'at work')
      throw new HttpProblem(409, 'request-in-progress', 'The first request is still under way.', {
        headers: { 'retry-after': '1' },
      });
    return {};
  }

  @Get('busy')
  busy(): object {
    return {};
  }

  @Get('bug')
  bug(): never {
    throw new TypeError('Cannot read properties of undefined (reading "hunter2")');
  }

  @Get('stock/away')
  away(): Promise<object> {
    return away.request({ method: 'GET', path: '/', schema: z.object({}) });
  }

  @Get('stock/hung')
  hung(): Promise<object> {
    return hung.request({ method: 'GET', path: '/', schema: z.object({}) });
  }

  @Get(':id')
  get(@Param('id', { schema: z.string() }) _: string): never {
    throw new DomainError('not-found', 'order-not-found', 'There is no such order.');
  }

  @Put(':id')
  change(
    @Body({ schema: z.object({}) }) _: object,
    @IfMatch('required') versions: readonly number[] | undefined,
  ): object {
    if (!versions?.includes(1)) throw new PreconditionFailed();
    return {};
  }

  @Post(':id/cancellation')
  @HttpCode(200)
  cancel(): never {
    throw new DomainError(
      'conflict',
      'order-not-cancellable',
      'The order is confirmed; it can be returned, not cancelled.',
    );
  }
}

/** For those who run the shop. */
@Controller('prices')
@RequireRole('admin')
@RequireScope('prices:write')
export class PricesController {
  @Delete()
  drop(): object {
    return {};
  }
}
