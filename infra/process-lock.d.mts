export interface Holder {
  pid: number;
  start: string;
  since: string;
}
export function startOf(pid: number): string | undefined;
export function isAlive(recorded: { pid: number; start: string }): boolean;
export function holderOf(path: string): Holder | undefined;
export function takeLock(path: string): { taken: true; release(): void } | { taken: false; holder: Holder };
