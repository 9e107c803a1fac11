/** What is switched on, and for whom: asked by whoever does something risky, before doing it. */
export abstract class Flags {
  /** Whether a flag is on for this customer; off where nothing says that it is on. Never rejects. */
  abstract isOn(flag: string, customer: string): Promise<boolean>;
}

/** Where no file of flags is named: nothing is on. */
export class NothingOn extends Flags {
  override isOn(): Promise<boolean> {
    return Promise.resolve(false);
  }
}
