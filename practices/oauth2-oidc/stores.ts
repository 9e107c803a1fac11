import { Artifacts, ArtifactStore } from '@shop/auth';
import { Database } from '@shop/platform';
import { Injectable, type Type } from '@nestjs/common';

type Reused = Parameters<Artifacts['store']>[1];

/** A refresh token is good until it expires, however often it is used. */
class Reusable extends ArtifactStore {
  override async consume(): Promise<void> {}
}

/** A refresh token is good once. That somebody shows it again is refused, and nobody draws a conclusion. */
class Unconcerned extends ArtifactStore {
  override async find(id: string) {
    const found = await super.find(id);
    // As one that never was: the library then revokes nothing.
    return found && 'consumed' in found ? undefined : found;
  }
}

function keptBy(Store: typeof ArtifactStore): Type<Artifacts> {
  @Injectable()
  class Kept extends Artifacts {
    constructor(private readonly database: Database) {
      super();
    }

    override store(model: string, reused: Reused) {
      return model === 'RefreshToken'
        ? new Store(model, this.database, reused)
        : new ArtifactStore(model, this.database, reused);
    }
  }
  return Kept;
}

/** By the names of the variants. */
export const naive: Readonly<Record<string, Type<Artifacts>>> = {
  'used for ever': keptBy(Reusable),
  'rotated only': keptBy(Unconcerned),
};
