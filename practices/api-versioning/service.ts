import { Controller, type Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { gateway, gatewayServing, versions } from '@shop/gateway';
import { runService } from '@shop/platform';
import { serve, takePart } from '../lab/part.ts';

/** Where everybody else is. */
export interface Wish {
  readonly issuer: string;
  readonly keysUrl: string;
  /** Every service behind the door. */
  readonly behind: string;
}

/** Version 2, deployed as the next state of the API: at the addresses that there were. */
const inPlace = gatewayServing(versions.second.map(atTheOldAddress));

function atTheOldAddress(controller: Type): Type {
  class InPlace extends controller {}
  const path = Reflect.getMetadata(PATH_METADATA, controller) as string;
  Controller(path.replace(/^v2\//, 'v1/'))(InPlace);
  return InPlace;
}

const { variant } = takePart();

/** The product's gateway; answers with its address. */
serve<Wish>(
  async ({ issuer, keysUrl, behind }) => {
    const urls = { AUTH_URLS: behind, CATALOG_URLS: behind, ORDERS_URLS: behind, NOTIFICATIONS_URLS: behind };
    const env = {
      ISSUER: issuer,
      JWKS_URL: keysUrl,
      ...urls,
      RATE_LIMITS: 'off',
      LOG_LEVEL: 'silent',
      SHED_LOOP_DELAY_MS: '0',
    };
    return (await runService(variant === 'in place' ? inPlace : gateway, env)).url;
  },
  () => Promise.resolve(),
);
