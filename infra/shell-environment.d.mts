export function tidy(env: NodeJS.ProcessEnv): void;
export function tidyThisProcess(): void;
export function endWithReader(): void;
export function ownEnvironment(): Record<string, string>;
