import { hashLabels, type Schedule, type Shift } from "@pharos/alert";

/** Lines of a calendar have at most so many bytes; longer ones go on in the next line. */
const LINE_SIZE_MAX = 75;

/** The shifts of a schedule as a calendar (RFC 5545), which calendar programs subscribe to. */
export function shiftCalendar(schedule: Schedule, shifts: readonly Shift[], nowMs: number): string {
  const stamp = utc(nowMs);
  const lines = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//Pharos//On-call//EN",
    `X-WR-CALNAME:${escaped(`On call: ${schedule.name}`)}`,
    `X-WR-TIMEZONE:${escaped(schedule.timeZone)}`,
  ];
  for (const { onDuty, startsAtMs, endsAtMs } of shifts) {
    if (onDuty === null) continue;
    const { high, low } = hashLabels([[schedule.name, `${onDuty.contact} ${startsAtMs}`]]);
    lines.push(
      "BEGIN:VEVENT",
      `UID:${high.toString(16).padStart(8, "0")}${low.toString(16).padStart(8, "0")}@pharos`,
      `DTSTAMP:${stamp}`,
      `DTSTART:${utc(startsAtMs)}`,
      `DTEND:${utc(endsAtMs)}`,
      `SUMMARY:${escaped(`${onDuty.contact} on call (${schedule.name})`)}`,
      "TRANSP:TRANSPARENT",
      "END:VEVENT",
    );
  }
  lines.push("END:VCALENDAR");
  return lines.flatMap(folded).join("\r\n").concat("\r\n");
}

/** `20260105T090000Z`. */
function utc(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, "");
}

function escaped(text: string): string {
  return text.replace(/[\\;,]/g, "\\$&").replace(/\r?\n/g, "\\n");
}

function folded(line: string): string[] {
  const parts: string[] = [];
  let part = "";
  let size = 0;
  for (const character of line) {
    const length = Buffer.byteLength(character);
    if (size + length > LINE_SIZE_MAX) {
      parts.push(part);
      part = " ";
      size = 1;
    }
    part += character;
    size += length;
  }
  return [...parts, part];
}
