export { PrometheusBlock, type PrometheusBlockMeta } from "./prometheus-block.ts";
export { lookAtPrometheus, type PrometheusFolder } from "./prometheus-folder.ts";
export { PrometheusHead } from "./prometheus-head.ts";
export { ChunkFrames, decodeChunkStream, type ReceivedPart } from "./remote/read-chunks.ts";
export {
  decodeReadRequest,
  encodeReadRequest,
  type ReadQuery,
  type ReadRequest,
  type ReadResponseType,
} from "./remote/read-request.ts";
export {
  decodeSamplesResponse,
  type ReceivedSeries,
  SamplesResponse,
} from "./remote/read-samples.ts";
export { RemoteReader, type RemoteReadSettings } from "./remote/remote-reader.ts";
