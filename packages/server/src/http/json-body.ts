import type { z } from "zod";
import { badData } from "./errors.ts";
import { parseFields } from "./incident-routes.ts";
import { formChunks } from "./parameters.ts";

/**
 * The body of a request, which is JSON whatever its type says: curl calls everything a form.
 *
 * @throws OperatingError `input.invalid` that names each field that is wrong, `input.too_large`.
 */
export async function jsonBody<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of formChunks(request)) chunks.push(chunk);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (error) {
    throw badData("the body is no JSON", error);
  }
  return parseFields(schema, value);
}
