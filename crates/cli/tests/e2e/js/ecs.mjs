// What a program with the JavaScript SDK does: `node ecs.mjs ENDPOINT REGION`. Prints one JSON object of what it saw.
import { createRequire } from 'node:module';
const require = createRequire(`${process.env.PLIMSOLL_NODE_MODULES}/`);
const sdk = require('@aws-sdk/client-ecs');

const [endpoint, region] = process.argv.slice(2);
const credentials = { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY };
const client = new sdk.ECSClient({ endpoint, region, credentials, maxAttempts: 1 });
const send = (name, input) => client.send(new sdk[`${name}Command`](input));
const seen = {};

const container = {
  name: 'app', image: process.env.PLIMSOLL_TEST_IMAGE, memory: 16,
  command: ['/bin/sh', '-c', "trap 'exit 0' TERM; while :; do sleep 0.2; done"],
};
const registered = await send('RegisterTaskDefinition', { family: 'js', containerDefinitions: [container] });
seen.revision = registered.taskDefinition.revision;
seen.registeredAt = registered.taskDefinition.registeredAt instanceof Date;
await send('CreateService', {
  serviceName: 'js', taskDefinition: 'js', desiredCount: 2, tags: [{ key: 'team', value: 'équipe ж 船' }],
});
const waited = await sdk.waitUntilServicesStable({ client, maxWaitTime: 60, minDelay: 1 }, { services: ['js'] });
seen.stable = waited.state;
const described = await send('DescribeServices', { services: ['js', 'none'], include: ['TAGS'] });
seen.running = described.services[0].runningCount;
seen.tag = described.services[0].tags[0].value;
seen.missing = described.failures.map((one) => one.reason);
seen.tasks = 0;
for await (const page of sdk.paginateListTasks({ client, pageSize: 1 }, { serviceName: 'js' })) {
  seen.tasks += page.taskArns.length;
}
seen.errors = {};
for (const [name, input] of [
  ['UpdateService', { service: 'none', desiredCount: 1 }],
  ['ListTasks', { cluster: 'nowhere' }],
  ['RunTask', { taskDefinition: 'js', count: 11 }],
  ['CreateExpressGatewayService', { executionRoleArn: 'a', infrastructureRoleArn: 'b', primaryContainer: { image: 'i' } }],
]) {
  try {
    await send(name, input);
    seen.errors[name] = 'answered';
  } catch (error) {
    seen.errors[name] = [error.name, error.$metadata.httpStatusCode, error instanceof sdk.ECSServiceException];
  }
}
const run = await send('RunTask', { taskDefinition: 'js', count: 1, startedBy: 'js' });
const task = run.tasks[0].taskArn;
await sdk.waitUntilTasksRunning({ client, maxWaitTime: 60, minDelay: 1 }, { tasks: [task] });
await send('StopTask', { task, reason: 'seen enough' });
await sdk.waitUntilTasksStopped({ client, maxWaitTime: 60, minDelay: 1 }, { tasks: [task] });
seen.stopCode = (await send('DescribeTasks', { tasks: [task] })).tasks[0].stopCode;
await send('DeleteService', { service: 'js', force: true });
await sdk.waitUntilServicesInactive({ client, maxWaitTime: 60, minDelay: 1 }, { services: ['js'] });
console.log(JSON.stringify(seen));
