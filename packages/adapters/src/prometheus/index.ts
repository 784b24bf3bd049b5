export { PrometheusBlock, type PrometheusBlockMeta } from "./prometheus-block.ts";
export { lookAtPrometheus, type PrometheusFolder } from "./prometheus-folder.ts";
export { PrometheusHead } from "./prometheus-head.ts";
