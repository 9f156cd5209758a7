//! One skill with a file in a subdirectory, served under `skill://`.

use rmcp::{
    ErrorData,
    model::{
        DIRECTORY_MIME_TYPE, Resource, ResourceContents, Skill, SkillFrontmatter, SkillResource,
        SkillResources,
    },
};

const NAME: &str = "greeting";
const DESCRIPTION: &str = "How to greet a guest in three languages";
const MARKDOWN: &str = "text/markdown";

const ROOT: &str = "skill://examples/greeting";
const REFERENCES: &str = "skill://examples/greeting/references";
const SKILL_MD: &str = "skill://examples/greeting/SKILL.md";
const WORDS_MD: &str = "skill://examples/greeting/references/words.md";

const WORDS: &str = "- English: hello\n- French: bonjour\n- Japanese: konnichiwa\n";

/// The skill and the text of its entry file.
pub(crate) struct Skills {
    skill: Skill,
    entry: String,
}

impl Skills {
    pub(crate) fn new() -> Self {
        let entry = format!(
            "---\nname: {NAME}\ndescription: {DESCRIPTION}\n---\n\n\
             Pick the word from references/words.md that fits the guest's language.\n"
        );
        let files = vec![
            SkillResource::from_bytes(SKILL_MD, entry.as_bytes()),
            SkillResource::from_bytes(WORDS_MD, WORDS.as_bytes()),
        ];
        Self {
            skill: Skill::new(
                SKILL_MD,
                SkillFrontmatter::new(NAME, DESCRIPTION),
                SkillResources::Files(files),
            ),
            entry,
        }
    }

    /// The entry file, for `resources/list`.
    pub(crate) fn listed(&self) -> Vec<Resource> {
        vec![
            Resource::new(SKILL_MD, NAME)
                .with_description(DESCRIPTION)
                .with_mime_type(MARKDOWN),
        ]
    }

    /// The contents of a file of the skill, or `None` for a uri that is not one.
    pub(crate) fn read(&self, uri: &str) -> Option<ResourceContents> {
        let text = match uri {
            SKILL_MD => self.entry.as_str(),
            WORDS_MD => WORDS,
            _ => return None,
        };
        Some(ResourceContents::text(text, uri).with_mime_type(MARKDOWN))
    }

    /// Every skill, for `skills/list`.
    pub(crate) fn all(&self) -> Vec<Skill> {
        vec![self.skill.clone()]
    }

    /// One skill by the uri of its entry file.
    pub(crate) fn get(&self, uri: &str) -> Result<Skill, ErrorData> {
        if uri == SKILL_MD {
            Ok(self.skill.clone())
        } else {
            Err(ErrorData::invalid_params("No skill has this uri", None))
        }
    }

    /// The direct children of a directory of the skill.
    pub(crate) fn directory(&self, uri: &str) -> Result<Vec<Resource>, ErrorData> {
        let words = || Resource::new(WORDS_MD, "words.md").with_mime_type(MARKDOWN);
        match uri {
            ROOT => {
                let mut children = self.listed();
                children.push(
                    Resource::new(REFERENCES, "references").with_mime_type(DIRECTORY_MIME_TYPE),
                );
                Ok(children)
            }
            REFERENCES => Ok(vec![words()]),
            _ => Err(ErrorData::invalid_params(
                "This uri is not a directory",
                None,
            )),
        }
    }
}
