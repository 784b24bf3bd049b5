/** From so many letters on, the beginning of a name is a hint of the rest. */
const BEGINNING_LENGTH_MIN = 4;

/** What the user may have meant by `name`: the least changed, else one begun or gone on with; undefined where nothing is close. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let begun: string | undefined;
  // A third of the letters may differ: more would suggest what is not alike.
  let best = Math.max(1, Math.floor(name.length / 3)) + 1;
  const wanted = normalize(name);
  for (const candidate of known) {
    const normal = normalize(candidate);
    if (beginsLike(wanted, normal)) begun ??= candidate;
    const distance = editDistance(wanted, normal);
    if (distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest ?? begun;
}

/** `user` for `username`, `targets_list` for `targets`. */
function beginsLike(a: string, b: string): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= BEGINNING_LENGTH_MIN && long.startsWith(short);
}

/** `staticConfig` and `static-config` are near `static_config`. */
function normalize(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll("-", "_")
    .toLowerCase();
}

/** How many letters to add, remove, change or swap with their neighbour to get from `a` to `b`. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let distance = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + cost,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        distance = Math.min(distance, (beforeLast[j - 2] as number) + 1);
      row.push(distance);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] as number;
}
