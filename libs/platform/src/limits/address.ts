import { isIPv6 } from 'node:net';

/**
 * Whose an address is: itself for IPv4, also where it is written as an IPv6 one; its /64 for IPv6, because that is the
 * least that one household or one machine is given, and each can use all of it (RFC 6177).
 */
export function holderOf(ip: string): string {
  if (!ip.includes(':') || !isIPv6(ip)) return ip;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = (ip.split('%', 1)[0] ?? ip).toLowerCase().split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  // An IPv4 address at the end stands for two groups.
  const length = left.length + right.length + (ip.includes('.') ? 1 : 0);
  const all = tail === undefined ? left : [...left, ...Array<string>(8 - length).fill('0'), ...right];
  return `${all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
