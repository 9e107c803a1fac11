import type { Money } from './money.ts';

const codes = (list: string): readonly string[] => list.trim().split(/\s+/);

/**
 * Minor units of every currency of ISO 4217, list one, as of 2026-01-01: how many digits stand behind the point. Not
 * what CLDR, and with it Intl, shows of a currency, which follows habits (no cents of a forint, of a peso or of a
 * rupiah) and changes with the version of Node.
 */
const table: Readonly<Record<number, readonly string[]>> = {
  0: codes('BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'),
  2: codes(`
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK
    DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR
    LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR
    SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER
    ZAR ZMW ZWG`),
  3: codes('BHD IQD JOD KWD LYD OMR TND'),
  4: codes('CLF UYW'),
};

/** How many digits stand behind the point, by currency. */
export const minorUnits: ReadonlyMap<string, number> = new Map(
  Object.entries(table).flatMap(([digits, all]) => all.map((code) => [code, Number(digits)] as const)),
);

/**
 * The amount as people write it, `39.98`; undefined for a currency that ISO 4217 does not list: nobody knows where its
 * point stands. Exact, however large.
 */
export function decimalText({ amount, currency }: Money): string | undefined {
  const digits = minorUnits.get(currency);
  if (digits === undefined) return undefined;
  const whole = String(Math.abs(amount)).padStart(digits + 1, '0');
  const text = digits === 0 ? whole : `${whole.slice(0, -digits)}.${whole.slice(-digits)}`;
  return amount < 0 ? `-${text}` : text;
}

/** Money with its code, `39.98 EUR`: for those who run the shop. */
export const moneyText = (money: Money): string =>
  `${decimalText(money) ?? `${money.amount} minor units of`} ${money.currency}`;

/** Money with its symbol, `€39.98`, for people who read English. */
export function moneyInEnglish(money: Money): string {
  const decimal = decimalText(money);
  if (decimal === undefined) return moneyText(money);
  const digits = minorUnits.get(money.currency) ?? 0;
  const format = new Intl.NumberFormat('en', {
    style: 'currency',
    currency: money.currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  // As text, which Intl takes by the digit, where a number would be rounded.
  return format.format(decimal as Intl.StringNumericLiteral);
}
