import {
  METRIC_LABELS_PATH,
  METRIC_NAMES_PATH,
  METRICS_PATH,
  metricLabelsSchema,
  metricNamesSchema,
  pushAnswerSchema,
  pushRequestSchema,
} from "../pushed-metrics.ts";
import { type Endpoint, end, GET, json, match, start, v1 } from "./endpoint.ts";

/** Samples that come in, and that go to other servers. */
export const SAMPLE_ENDPOINTS: readonly Endpoint[] = [
  {
    ...v1("write", ["post"], "Takes samples by remote write.", { kind: "none" }),
    body: { contentType: "application/x-protobuf" },
  },
  {
    ...v1("read", ["post"], "Gives samples by remote read.", {
      kind: "other",
      contentType: "application/x-protobuf",
    }),
    body: { contentType: "application/x-protobuf" },
  },
  {
    path: METRICS_PATH,
    methods: ["post"],
    summary: "Takes samples as JSON.",
    parameters: [],
    body: { contentType: "application/json", schema: pushRequestSchema },
    answer: json(pushAnswerSchema, 202),
  },
  {
    path: METRIC_NAMES_PATH,
    methods: GET,
    summary: "The names of all metrics.",
    parameters: [start, end],
    answer: json(metricNamesSchema),
  },
  {
    path: METRIC_LABELS_PATH,
    methods: GET,
    summary: "The labels of a metric with their values.",
    parameters: [
      { name: "metric", description: "The name of the metric.", required: true },
      start,
      end,
    ],
    answer: json(metricLabelsSchema),
  },
  {
    path: "/federate",
    methods: GET,
    summary: "The latest samples, for another server to scrape.",
    parameters: [{ ...match, required: true }],
    answer: { kind: "other", contentType: "text/plain" },
  },
];
