import { figure } from '../median.ts'
import type { Report } from './report.ts'

/** The ratios as a table in Markdown, with what it takes to repeat them. */
export function markdown(report: Report): string {
  const { setting, workloads, duels } = report
  const names = [...new Set(workloads.map(({ workload }) => workload))]
  const cell = (workload: string, servers: number): string => {
    const found = workloads.find((result) => result.workload === workload && result.servers === servers)
    return found === undefined || found.ratio === null ? '' : `${figure(found.ratio)} ×`
  }
  const rows = names.map((name) => `| ${name} | ${cell(name, 1)} | ${cell(name, 3)} |`)
  const others = duels.map(({ what, unit, ours, theirs }) =>
    `| ${what} | ${figure(ours)} ${unit} | ${theirs === null ? '' : `${figure(theirs)} ${unit}`} |`)
  return [
    `Operations per second as a multiple of Apache ZooKeeper ${setting.apache ?? '(not installed)'}'s, in one run of`,
    `\`${setting.command}\``,
    `(${setting.cores} cores of ${setting.cpu}, shared with the load; Node ${setting.node}):`, '',
    '| workload | 1 server | 3 servers |', '|---|---|---|', ...rows, '',
    '| | vivarium | Apache ZooKeeper |', '|---|---|---|', ...others, '',
  ].join('\n')
}
