// One session of the official TypeScript SDK, 1.x or 2.x; started by .ci/foreign-clients.
//
//     node typescript.cjs PLAN
//
// PLAN is JSON: `command` or `url`, `token`, `steps`, and `modules`, the folder with the SDK. Prints one line of JSON
// for each step: what a person sees.

const plan = JSON.parse(process.argv[2]);
const load = require("node:module").createRequire(`${plan.modules}/`);

// A call whose answer never comes has to end too, in milliseconds.
const PATIENCE = 8000;

function sdk() {
  try {
    const client = load("@modelcontextprotocol/client");
    const { StdioClientTransport } = load("@modelcontextprotocol/client/stdio");
    return { ...client, StdioClientTransport, options: { versionNegotiation: { mode: "auto" } } };
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    const part = (name) => load(`@modelcontextprotocol/sdk/client/${name}.js`);
    return { ...part("index"), ...part("stdio"), ...part("streamableHttp"), options: {} };
  }
}

function transport({ StdioClientTransport, StreamableHTTPClientTransport }) {
  if (plan.command) {
    const [command, ...args] = plan.command;
    return new StdioClientTransport({ command, args, stderr: "ignore" });
  }
  const headers = plan.token ? { Authorization: `Bearer ${plan.token}` } : {};
  return new StreamableHTTPClientTransport(new URL(plan.url), { requestInit: { headers } });
}

async function seen(client, step) {
  const options = { timeout: PATIENCE };
  if (step.do === "tools") {
    return (await client.listTools(undefined, options)).tools.map((tool) => tool.name).sort().join(" ");
  }
  if (step.do === "read") {
    return (await client.readResource({ uri: step.uri }, options)).contents[0].text;
  }
  if (step.do === "prompt") {
    const { name, arguments: given } = step;
    return (await client.getPrompt({ name, arguments: given }, options)).messages[0].content.text;
  }
  const call = { name: step.tool, arguments: step.arguments };
  // The second parameter of 1.x is a schema.
  const result = await (isFirst ? client.callTool(call, undefined, options) : client.callTool(call, options));
  return (result.isError ? "tool error: " : "") + result.content.map((content) => content.text).join("");
}

let isFirst = false;

async function main() {
  const report = (text) => console.log(JSON.stringify(text));
  const found = sdk();
  isFirst = !("versionNegotiation" in found.options);
  const client = new found.Client({ name: "foreign-clients", version: "0.0.0" }, found.options);
  // Errors of streams that nobody awaits are not what a person sees.
  client.onerror = () => {};
  try {
    await client.connect(transport(found));
    report("connected");
    for (const step of plan.steps) {
      try {
        report(await seen(client, step));
      } catch (error) {
        report(`error: ${error.message}`);
      }
    }
    await client.close();
  } catch (error) {
    report(`error: ${error.message}`);
  }
  process.exit(0);
}

main();
