import { quote } from "@pharos/base";
import { fileDiscoveryPathProblem } from "@pharos/collect";
import { z } from "zod";
import { labelMap, positiveDuration } from "./field-schemas.ts";
import { HTTP_CLIENT_KEYS } from "./http-client-schema.ts";
import { notYet } from "./read-yaml.ts";

const targetAddress = z.string().superRefine((text, context) => {
  if (text === "") context.addIssue({ code: "custom", message: "a target is not empty" });
  else if (text.includes("/")) {
    const message = `${quote(text)} is not a host and port; scheme and path have keys of their own`;
    context.addIssue({ code: "custom", message });
  }
});

const staticConfig = z.strictObject({
  targets: z.array(targetAddress).default([]),
  labels: labelMap.default({}),
});

const targetFile = z.string().superRefine((path, context) => {
  const message = fileDiscoveryPathProblem(path);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

const fileSdConfig = z.strictObject({
  files: z.array(targetFile).min(1),
  refresh_interval: positiveDuration.default(300_000),
});

/** Endpoints that list targets. Alertmanagers are found so, targets not yet. */
export const httpSdConfigs = z
  .array(
    z.strictObject({
      url: z.string().refine((url) => /^https?:$/.test(URL.parse(url)?.protocol ?? ""), {
        message: "must be a URL with http or https",
      }),
      refresh_interval: positiveDuration.default(60_000),
      ...HTTP_CLIENT_KEYS,
    }),
  )
  .default([]);

const NO_TARGETS = "no targets are found this way";

const OTHER_DISCOVERIES = [
  ...["aws", "azure", "consul", "digitalocean", "dns", "docker", "dockerswarm", "ec2", "eureka"],
  ...["gce", "hetzner", "http", "ionos", "kubernetes", "kuma", "lightsail", "linode", "marathon"],
  ...["nerve", "nomad", "oci", "openstack", "outscale", "ovhcloud", "puppetdb", "scaleway"],
  ...["serverset", "stackit", "triton", "uyuni", "vultr"],
] as const;

const otherKeys = Object.fromEntries(
  OTHER_DISCOVERIES.map((kind) => [`${kind}_sd_configs`, notYet(NO_TARGETS)]),
) as Record<`${(typeof OTHER_DISCOVERIES)[number]}_sd_configs`, ReturnType<typeof notYet>>;

/** How targets are found: those of a scrape job, and Alertmanagers. */
export const DISCOVERY_KEYS = {
  static_configs: z.array(staticConfig).default([]),
  file_sd_configs: z.array(fileSdConfig).default([]),
  ...otherKeys,
};
