import { Injectable } from '@nestjs/common';
import { commitStock, releaseStock, reserveStock } from '@shop/contracts';
import { Consumer, on } from '@shop/eventing';
import { Stock } from './stock.ts';

/** What orders asks of the stock. */
@Injectable()
export class StockConsumer extends Consumer {
  readonly name = 'catalog.stock';
  readonly handlers = [
    on(reserveStock, (message, effect) => this.stock.reserve(message, effect)),
    on(releaseStock, (message, effect) => this.stock.release(message, effect)),
    on(commitStock, (message, effect) => this.stock.commit(message, effect)),
  ];

  constructor(private readonly stock: Stock) {
    super();
  }
}
