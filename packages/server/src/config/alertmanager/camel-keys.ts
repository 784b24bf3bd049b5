type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

/** An object of a file with its keys as the program writes them. */
export type CamelKeys<T> = { [K in keyof T as K extends string ? CamelCase<K> : K]: T[K] };

/** `avatar_url` becomes `avatarUrl`; the values stay as they are. */
export function camelKeys<T extends object>(keys: T): CamelKeys<T> {
  const renamed = Object.entries(keys).map(([key, value]) => [
    key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(renamed) as CamelKeys<T>;
}

/** The same of those keys alone that `shape` has: the ones that need no more than their new name. */
export function camelKeysOf<T extends object, S extends object>(
  keys: T,
  shape: S,
): CamelKeys<Pick<T, keyof T & keyof S>> {
  const wanted = Object.entries(keys).filter(([key]) => Object.hasOwn(shape, key));
  return camelKeys(Object.fromEntries(wanted) as Pick<T, keyof T & keyof S>);
}
