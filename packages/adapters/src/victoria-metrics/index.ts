export {
  exportWindows,
  type VictoriaMetricsClient,
  victoriaMetricsClient,
} from "./export-client.ts";
export { VictoriaMetricsExport } from "./export-source.ts";
