import { CheckIcon, ClockIcon, ErrorIcon, FireIcon, InfoIcon, WarningIcon } from "./icons.tsx";
import type { AlertState } from "./rule-state.ts";

const STATES = {
  firing: { tone: "red", Icon: FireIcon },
  pending: { tone: "amber", Icon: ClockIcon },
  inactive: { tone: "green", Icon: CheckIcon },
} as const;

/** The state of an alert as icon, word and colour, so that none of the three is needed. */
export function StateChip({ state }: { state: AlertState }) {
  const { tone, Icon } = STATES[state];
  return (
    <span className={`chip chip--${tone}`}>
      <Icon size={12} />
      {state}
    </span>
  );
}

/** Words that teams use for the same three degrees. */
const SEVERITIES: Readonly<Record<string, keyof typeof DEGREES>> = {
  critical: "high",
  crit: "high",
  page: "high",
  emergency: "high",
  error: "high",
  high: "high",
  warning: "middle",
  warn: "middle",
  medium: "middle",
  minor: "middle",
  info: "low",
  none: "low",
  low: "low",
};

const DEGREES = {
  high: { tone: "red", Icon: ErrorIcon },
  middle: { tone: "amber", Icon: WarningIcon },
  low: { tone: "blue", Icon: InfoIcon },
} as const;

/** The label `severity`; a word that nobody else uses is shown without an opinion. */
export function SeverityChip({ severity }: { severity: string }) {
  const degree = SEVERITIES[severity.toLowerCase()];
  if (degree === undefined) return <span className="chip chip--grey">{severity}</span>;
  const { tone, Icon } = DEGREES[degree];
  return (
    <span className={`chip chip--${tone}`}>
      <Icon size={12} />
      {severity}
    </span>
  );
}
