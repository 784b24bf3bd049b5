import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import type { AwsSurroundings } from "@pharos/notify";
import { awsSurroundings } from "../src/alerting/aws-surroundings.ts";

const FILES: Readonly<Record<string, string>> = {
  "/home/me/.aws/credentials": `
# a comment
[default]
aws_access_key_id = FILE
aws_secret_access_key=f=s3cret

[ops]
aws_access_key_id=OPS
aws_secret_access_key=o-s3cret
aws_session_token=o-session
[half]
aws_access_key_id=HALF
`,
  "/home/me/.aws/config": `
[default]
region = eu-central-1
s3 =
  region = nonsense
[profile  ops]
region=eu-west-1
[profile config-only]
aws_access_key_id=CONF
aws_secret_access_key=c-s3cret
`,
  "/etc/keys": "[default]\naws_access_key_id=ETC\naws_secret_access_key=e-s3cret\n",
};

function surroundings(env: Readonly<Record<string, string>> = {}): AwsSurroundings {
  return awsSurroundings({ env, home: "/home/me", readFile: async (path) => FILES[path] });
}

async function keysOf(aws: AwsSurroundings, profile = ""): Promise<unknown> {
  const found = await aws.credentials(profile);
  return found && [found.accessKey, found.secretKey.reveal(), found.sessionToken?.reveal()];
}

const ENV = { AWS_ACCESS_KEY_ID: "ENV", AWS_SECRET_ACCESS_KEY: "v-s3cret" };

test("the environment's credentials come first, then the files'", async () => {
  deepEqual(await keysOf(surroundings({ ...ENV, AWS_SESSION_TOKEN: "v-session" })), [
    ...["ENV", "v-s3cret", "v-session"],
  ]);
  deepEqual(await keysOf(surroundings()), ["FILE", "f=s3cret", undefined]);
  deepEqual(await keysOf(surroundings({ AWS_ACCESS_KEY_ID: "ENV" })), [
    ...["FILE", "f=s3cret", undefined],
  ]);
});

test("a profile that is named is that of the files", async () => {
  deepEqual(await keysOf(surroundings(ENV), "ops"), ["OPS", "o-s3cret", "o-session"]);
  deepEqual(await keysOf(surroundings({ AWS_PROFILE: "ops" })), ["OPS", "o-s3cret", "o-session"]);
  deepEqual(await keysOf(surroundings(), "config-only"), ["CONF", "c-s3cret", undefined]);
  for (const nobody of ["half", "nobody"]) equal(await keysOf(surroundings(), nobody), undefined);
});

test("the files may be elsewhere", async () => {
  const env = { AWS_SHARED_CREDENTIALS_FILE: "/etc/keys", AWS_CONFIG_FILE: "/nowhere" };
  deepEqual(await keysOf(surroundings(env)), ["ETC", "e-s3cret", undefined]);
  equal(await surroundings(env).region(""), "");
});

test("a region is that of the environment, or of the profile", async () => {
  equal(await surroundings().region(""), "eu-central-1");
  equal(await surroundings().region("ops"), "eu-west-1");
  equal(await surroundings({ AWS_DEFAULT_REGION: "us-west-2" }).region(""), "us-west-2");
  equal(await surroundings({ AWS_REGION: "us-west-2" }).region("ops"), "eu-west-1");
  equal(await surroundings({ AWS_REGION: "us-west-2" }).region("nobody"), "us-west-2");
});
