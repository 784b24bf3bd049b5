/** Whether a text names a zone of the IANA database; an offset such as "+01:00" is none. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    EPOCH.toZonedDateTimeISO(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const EPOCH = Temporal.Instant.fromEpochMilliseconds(0);
export const TIME_ZONE_HINT = 'expected a time zone such as "Europe/Berlin" or "UTC"';
