import { OperatingError } from "@pharos/base";

/** A text that is no matcher, or no list of them. */
export class MatcherSyntaxError extends OperatingError {
  /** Where it stops making sense: the place of a character, from 1. */
  readonly column: number;
  readonly problem: string;
  /** What to write instead. */
  readonly hint: string;

  constructor(text: string, offset: number, problem: string, hint: string) {
    const column = [...text.slice(0, offset)].length + 1;
    super("input.invalid", `${shorten(text)}: column ${column}: ${problem}; ${hint}`);
    this.column = column;
    this.problem = problem;
    this.hint = hint;
  }
}

const SHOWN_LENGTH_MAX = 200;

function shorten(text: string): string {
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`;
}

export const MATCHER_HINT = 'expected a matcher such as team="web" or severity=~"warning|critical"';
