// Reads a calendar from standard input and writes what a subscriber would see, as JSON.
import { readFileSync } from "node:fs";
import ICAL from "./ical.min.mjs";

const calendar = new ICAL.Component(ICAL.parse(readFileSync(0, "utf8")));
const zones = calendar.getAllSubcomponents("vtimezone");
// Only what the file itself says of its zones counts.
for (const zone of zones) ICAL.TimezoneService.register(new ICAL.Timezone(zone));

const events = calendar.getAllSubcomponents("vevent").map((component) => {
  const event = new ICAL.Event(component);
  const text = (name) => component.getFirstPropertyValue(name);
  return {
    uid: event.uid,
    sequence: event.sequence,
    summary: event.summary,
    description: event.description,
    location: event.location,
    status: text("status"),
    transp: text("transp"),
    url: text("url"),
    attendee: text("attendee"),
    answer: component.getFirstProperty("attendee")?.getFirstParameter("partstat") ?? null,
    name: component.getFirstProperty("attendee")?.getFirstParameter("cn") ?? null,
    organizer: text("organizer"),
    alarms: component.getAllSubcomponents("valarm").length,
    starts_at: event.startDate.toUnixTime(),
    ends_at: event.endDate.toUnixTime(),
    wall_clock: event.startDate.toString(),
  };
});

// Each date of what repeats, as far as asked for: when it is, and what it is called.
const many = Number(process.argv[2] ?? 0);
const instances = [];
for (const component of many ? calendar.getAllSubcomponents("vevent") : []) {
  const event = new ICAL.Event(component);
  if (!event.isRecurring()) continue;
  const dates = event.iterator();
  for (let date = dates.next(); date && instances.length < many; date = dates.next()) {
    const { startDate, item } = event.getOccurrenceDetails(date);
    const status = item.component.getFirstPropertyValue("status");
    instances.push([startDate.toUnixTime(), item.summary, status]);
  }
}
const name = calendar.getFirstPropertyValue("name");
const method = calendar.getFirstPropertyValue("method");
process.stdout.write(JSON.stringify({ name, method, zones: zones.length, events, instances }));
