/** The fields that have something in them: APIs take one that is absent for granted, and one that is empty ill. */
export function filled(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) =>
        value !== "" && value !== undefined && !(Array.isArray(value) && value.length === 0),
    ),
  );
}

/** The parts of a list with commas between them, without those that are empty. */
export function listed(text: string): string[] {
  return text
    .trim()
    .split(",")
    .filter((part) => part !== "");
}
