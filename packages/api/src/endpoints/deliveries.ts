import {
  deliveryListSchema,
  receiverTestBodySchema,
  receiverTestSchema,
  templatePreviewBodySchema,
  templatePreviewSchema,
} from "../deliveries.ts";
import { data, type Endpoint, end, GET, start, v1 } from "./endpoint.ts";

const POST = ["post"] as const;

/** What became of notifications, and whether receivers and templates work. */
export const DELIVERY_ENDPOINTS: readonly Endpoint[] = [
  v1("deliveries", GET, "Attempts to notify, the newest first.", data(deliveryListSchema), [
    { name: "integration", description: "Only of this one, such as team/webhook[0]." },
    { name: "receiver", description: "Only to this one." },
    { name: "incident", description: "Only about the incident with this id." },
    { name: "key", description: "Only of the notification with this idempotency key." },
    { name: "outcome", description: "Only these.", values: ["delivered", "retrying", "failed"] },
    start,
    end,
    { name: "limit", description: "How many on a page; 100 unless given." },
    { name: "cursor", description: "Where the page before ended." },
  ]),
  {
    ...v1("receivers/test", POST, "Sends a test to a receiver.", data(receiverTestSchema)),
    body: { contentType: "application/json", schema: receiverTestBodySchema },
  },
  {
    ...v1(
      "templates/preview",
      POST,
      "What a template makes of the alerts that fire now.",
      data(templatePreviewSchema),
    ),
    body: { contentType: "application/json", schema: templatePreviewBodySchema },
  },
];
