import { Button } from "@mantine/core";
import { formatLabels, labelValue, METRIC_NAME } from "@pharos/base";
import { useState } from "react";
import type { InstantResult } from "./query-result.ts";
import { formatDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";

/** What a browser lays out at once without a pause; a click shows as many again. */
const ROWS_STEP = 500;

/** An instant result: labels and the value with all its digits, in the order of the server. */
export function ResultTable({ result, zone }: { result: InstantResult; zone: TimeZone }) {
  const [rowsMax, setRowsMax] = useState(ROWS_STEP);
  const withTimes = result.resultType === "matrix";
  if (result.rows.length === 0) return <div className="empty">No series at this time.</div>;
  const rest = result.rows.length - rowsMax;
  return (
    <div className="scroll-x">
      <table className="grid-table result">
        <thead>
          <tr>
            <th scope="col">Series</th>
            {withTimes && <th scope="col">Time</th>}
            <th scope="col" className="num">
              Value
            </th>
          </tr>
        </thead>
        <tbody>
          {result.rows.slice(0, rowsMax).map((row, index) => {
            const name = labelValue(row.labels, METRIC_NAME);
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows of an answer never move within it.
              <tr key={index}>
                <td className="mono result__series">
                  {row.labels.length === 0 ? (
                    <span className="dim">
                      {result.resultType === "vector" ? "{}" : result.resultType}
                    </span>
                  ) : (
                    <>
                      <span className="result__name">{name}</span>
                      <span>
                        {formatLabels(row.labels.filter(([label]) => label !== METRIC_NAME))}
                      </span>
                    </>
                  )}
                </td>
                {withTimes && <td className="mono">{formatDateTime(row.timestampMs, zone)}</td>}
                <td className="num mono">{row.value}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {rest > 0 && (
        <div className="empty">
          <Button variant="default" size="xs" onClick={() => setRowsMax(rowsMax + ROWS_STEP)}>
            Show {Math.min(rest, ROWS_STEP)} more of {rest}
          </Button>
        </div>
      )}
    </div>
  );
}
