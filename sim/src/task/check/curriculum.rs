//! How a task grows harder: what its curriculum refers to, and whether that can grow.

use super::Check;
use crate::curriculum::{
    CommandCourse, CommandCourseDocument, Course, CurriculumDocument, RewardCourse, RewardCourseDocument,
    Span, TerrainCourse, TerrainCourseDocument,
};
use crate::objective::Shape;
use crate::task::document::{CommandDocument, RewardDocument};
use crate::task::error::TaskError;
use sinew_policy_runtime::interface::{Frame, Unit};

impl Check<'_> {
    /// The curriculum with its names resolved; nothing where the file has none.
    pub(super) fn curriculum(&self) -> Result<Course, TaskError> {
        let CurriculumDocument { terrain, commands, rewards } = &self.document.curriculum;
        let terrain = terrain.as_ref().map(|terrain| self.terrain_course(terrain)).transpose()?;
        let mut course = Course { terrain, ..Course::default() };
        for (index, command) in commands.iter().enumerate() {
            let field = |key: &str| format!("curriculum.commands {}: {key}", index + 1);
            if commands[..index].iter().any(|other| other.command == command.command) {
                return self.fail(
                    field("command"),
                    format!("{:?} again", command.command),
                    "each command once",
                );
            }
            course.commands.push(self.command_course(command, &field)?);
        }
        if !commands.is_empty() {
            let ranges = self.document.commands.iter().flat_map(widest);
            course.ranges = ranges.collect();
        }
        for (index, reward) in rewards.iter().enumerate() {
            let field = |key: &str| format!("curriculum.rewards {}: {key}", index + 1);
            if rewards[..index].iter().any(|other| other.reward == reward.reward) {
                return self.fail(field("reward"), format!("{:?} again", reward.reward), "each reward once");
            }
            course.rewards.push(self.reward_course(reward, &field)?);
            course.reward_terms = self.document.reward.len();
        }
        Ok(course)
    }

    fn terrain_course(&self, document: &TerrainCourseDocument) -> Result<TerrainCourse, TaskError> {
        let TerrainCourseDocument { start, raise_above, lower_below } = *document;
        let field = |key: &str| format!("curriculum.terrain{key}");
        let Some(terrain) = self.document.terrain.as_ref().filter(|terrain| terrain.levels > 1) else {
            return self.fail(field(""), "present", "none: the task has no [terrain] of several levels");
        };
        let velocity = self.document.commands.first().is_some_and(|command| {
            command.value.len() >= 2 && command.unit == Unit::MeterPerSecond && command.frame == Frame::Body
        });
        if !velocity {
            let expected = "a first command of 2 values or more in meter_per_second, frame body";
            return self.fail("commands", "without a velocity", expected);
        }
        self.within(field(".start"), start, 0.0, 1.0)?;
        self.within(field(".raise_above"), raise_above, 0.0, 1.0)?;
        self.within(field(".lower_below"), lower_below, 0.0, raise_above)?;
        let highest_start = libm::round(start * f64::from(terrain.levels - 1)) as u32;
        Ok(TerrainCourse { levels: terrain.levels, highest_start, raise_above, lower_below })
    }

    fn command_course(
        &self,
        document: &CommandCourseDocument,
        field: &dyn Fn(&str) -> String,
    ) -> Result<CommandCourse, TaskError> {
        let CommandCourseDocument { command, low, high, step, .. } = document;
        let names: Vec<&str> = self.document.commands.iter().map(|command| command.name.as_str()).collect();
        self.known(&field("command"), command, &names)?;
        let place = names.iter().position(|name| name == command).unwrap_or_default();
        let (before, rest) = self.document.commands.split_at(place);
        let widest: Vec<[f32; 2]> = rest.first().into_iter().flat_map(widest).collect();
        if rest.first().is_some_and(|command| command.sampled.is_none()) {
            return self.fail(
                field("command"),
                format!("{command:?}, which is fixed"),
                "one that is sampled",
            );
        }
        for (key, list) in [("low", low), ("high", high), ("step", step)] {
            if list.len() != widest.len() {
                let expected = format!("{}, as in the command", widest.len());
                return self.fail(field(key), format!("{} numbers", list.len()), expected);
            }
        }
        let start: Vec<[f32; 2]> = low.iter().zip(high).map(|(low, high)| [*low, *high]).collect();
        for ((start, widest), step) in start.iter().zip(&widest).zip(step) {
            self.within(field("low"), start[0], widest[0], widest[1])?;
            self.within(field("high"), start[1], start[0], widest[1])?;
            self.within(field("step"), *step, 0.0, widest[1] - widest[0])?;
            if *step == 0.0 && start != widest {
                return self.fail(field("step"), "0", "more: low and high are not yet those of the command");
            }
        }
        if start == widest {
            return self.fail(field("low"), "the command's own range", "a narrower one to begin with");
        }
        let reward = self.reward_named(&field("reward"), &document.reward)?;
        if !matches!(self.document.reward[reward].shape, Shape::Gaussian | Shape::Rational) {
            let expected = "a term of shape gaussian or rational, which earns at most 1";
            return self.fail(field("reward"), format!("{:?}", document.reward), expected);
        }
        self.within(field("raise_above"), document.raise_above, 0.0, 1.0)?;
        if let Some(least) = document.lower_below {
            self.within(field("lower_below"), least, 0.0, document.raise_above)?;
        }
        self.within(field("episodes"), document.episodes, 1, 1_000_000)?;
        Ok(CommandCourse {
            label: command.clone(),
            first: before.iter().map(|command| command.value.len()).sum(),
            start,
            widest,
            step: step.clone(),
            reward,
            raise_above: document.raise_above,
            lower_below: document.lower_below,
            episodes: document.episodes,
        })
    }

    fn reward_course(
        &self,
        document: &RewardCourseDocument,
        field: &dyn Fn(&str) -> String,
    ) -> Result<RewardCourse, TaskError> {
        let RewardCourseDocument { reward, start, steps, episodes } = document;
        let term = self.reward_named(&field("reward"), reward)?;
        self.within(field("start"), *start, 0.0, 1e3)?;
        let span = match (steps, episodes) {
            (Some([begin, end]), None) => Span::Steps(*begin, *end),
            (None, Some([begin, end])) => Span::Episodes(*begin, *end),
            _ => return self.fail(field("steps"), "both or neither of steps and episodes", "one of them"),
        };
        let (Span::Steps(begin, end) | Span::Episodes(begin, end)) = span;
        if begin >= end {
            return self.fail(field("steps"), format!("[{begin}, {end}]"), "[begin, end] with begin < end");
        }
        Ok(RewardCourse { label: reward.clone(), term, start: *start, span })
    }

    /// The place of a reward term by its name.
    fn reward_named(&self, field: &str, name: &str) -> Result<usize, TaskError> {
        let names: Vec<&str> = self.document.reward.iter().map(RewardDocument::name).collect();
        self.known(field, name, &names)?;
        let mut places = names.iter().enumerate().filter(|(_, known)| **known == name);
        match (places.next(), places.next()) {
            (Some((place, _)), None) => Ok(place),
            _ => self.fail(
                field,
                format!("{name:?}, which several terms are called"),
                "a term with a name of its own",
            ),
        }
    }
}

/// The range of each component of a command: what the file says, or its fixed value.
fn widest(command: &CommandDocument) -> impl Iterator<Item = [f32; 2]> {
    (0..command.value.len()).map(|component| match &command.sampled {
        Some(sampled) => [sampled.low[component], sampled.high[component]],
        None => [command.value[component]; 2],
    })
}
